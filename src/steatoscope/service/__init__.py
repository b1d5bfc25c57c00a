"""What surrounds the pipeline: reports, storage, jobs and exchange."""
