"""One module per `gridwise` command."""
