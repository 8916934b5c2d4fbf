"""Parts of layers on cores: types, validation, row provision, automatic mapping, placement."""
