"""What several families are made of, as pure functions."""
