# the product is that of unsigned numbers
return self.activation_in.value * weight + self.sum_in
