"""What people decide: cases, their queue, appeals."""
