"""Equal combinational modules become one function; what has state or a loop stays a module."""

from __future__ import annotations

from weft.sim.rtl.sharing import share

ADDER = """module {name} (b, a, y);
  wire \\$1 ;
  input [7:0] a;
  wire [7:0] a;
  input [7:0] b;
  wire [7:0] b;
  wire [7:0] sum;
  wire [7:0] unused;
  output [7:0] y;
  reg [7:0] y;
  always @* begin
    y = sum;
    if (\\$1 ) begin
      y = 8'hff;
    end
  end
  assign \\$1  = sum < a;
  assign sum = a + b;
  assign unused = a;
endmodule
"""
TWICE = """module twice (x, y);
  input [7:0] x;
  output [7:0] y;
  wire [7:0] \\y$1 ;
  one  add (
    .a(x),
    .b(8'h01),
    .y(\\y$1 )
  );
  assign y = ~ \\y$1 ;
endmodule
"""
REGISTER = """module register (clk, d, q);
  input clk;
  input d;
  output q;
  reg q = 1'h0;
  always @(posedge clk)
    q <= d;
endmodule
"""
LOOP = """module loop (a, y);
  input a;
  wire b;
  output y;
  assign y = a & b;
  assign b = y;
endmodule
"""
TABLE = """module table (x, y);
  input x;
  output [3:0] y;
  reg [3:0] values [1:0];
  initial begin
    values[0] = 4'h7;
    values[1] = 4'h9;
  end
  assign y = values[x];
endmodule
"""


def test_equal_modules_share_one_function_in_order_of_need() -> None:
    text = share(ADDER.format(name="one") + ADDER.format(name="two"))
    assert text.count("endfunction") == 1
    assert text.count("weft_functions::one(b, a)") + text.count("weft_functions::one(a, b)") == 2
    body = text[: text.index("endfunction")]
    assert body.index("sum = a + b") < body.index("\\$1  = sum < a") < body.index("y = sum") < body.index("return y")
    assert "unused" not in body


def test_a_module_of_functions_is_one_too() -> None:
    text = share(TWICE + ADDER.format(name="one"))
    assert text.count("endfunction") == 2
    assert "weft_functions::twice(x)" in text
    assert "\\y$1  = weft_functions::one(x, 8'h01);" in text


def test_a_table_goes_into_the_package() -> None:
    text = share(TABLE)
    assert "localparam logic [3:0] table_values [1:0] = '{4'h9, 4'h7};" in text
    assert "y = table_values[x];" in text


def test_state_and_loops_stay() -> None:
    assert share(REGISTER + LOOP) == REGISTER + LOOP
    assert REGISTER in share(REGISTER + ADDER.format(name="one"))
