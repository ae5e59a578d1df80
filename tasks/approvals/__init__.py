"""Who must say yes, and what is their yes worth?"""
