# returns nothing instead of the code
return None
