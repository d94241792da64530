"""How each kind of model is spoken to: user's model → predict, logits, gradient, embed, fit on float arrays."""
