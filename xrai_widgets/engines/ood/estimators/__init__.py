"""Detectors of foreign inputs: scikit-learn estimators on arrays of features (rows, embeddings, logits)."""
