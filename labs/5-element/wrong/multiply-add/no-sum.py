# the sum from above is left out
return self.activation_in.value.as_signed() * weight.as_signed()
