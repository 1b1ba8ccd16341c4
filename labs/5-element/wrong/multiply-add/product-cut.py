# the product is cut to the width of its operands
product = (self.activation_in.value.as_signed() * weight.as_signed())[: self.bits]
return product.as_signed() + self.sum_in.as_signed()
