"""What all tests share: the fixtures of `plugin`, and helpers that make the things tests need."""
