"""The frame around each page: menu, run picker, buttons, words for a training's status."""
