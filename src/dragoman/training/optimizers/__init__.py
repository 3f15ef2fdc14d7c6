"""Update rules, one a file: how a gradient becomes a change of weights. Know no model, no schedule and no file."""
