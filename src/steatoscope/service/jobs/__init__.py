"""Workers of the durable queue: a minder that holds the lease, a warm child that analyses, and their supervisor."""
