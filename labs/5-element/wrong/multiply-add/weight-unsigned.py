# the weight is read without its sign
return self.activation_in.value.as_signed() * weight + self.sum_in.as_signed()
