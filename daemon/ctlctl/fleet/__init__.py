"""What is shown of clusters: documents that the daemon writes, and the questions that are answered from them."""
