# returns nothing
return None
