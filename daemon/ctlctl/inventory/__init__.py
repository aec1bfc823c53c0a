"""What is seen of a cluster: values, and the collectors that ask for them."""
