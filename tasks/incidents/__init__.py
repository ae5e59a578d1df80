"""What is broken, and who must know?"""
