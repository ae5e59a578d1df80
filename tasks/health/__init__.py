"""How is each service?"""
