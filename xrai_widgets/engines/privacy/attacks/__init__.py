"""What several attacks on membership share."""
