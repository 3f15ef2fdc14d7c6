"""What one translation left behind: values, their JSON form, their bounds. Computes nothing."""
