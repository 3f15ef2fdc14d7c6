"""Several processes that train one model together, as torchrun starts them. Without torchrun nothing of it runs."""
