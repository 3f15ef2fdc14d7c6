"""What differs between a translator, a language model and a classifier in training: data, model, validation."""
