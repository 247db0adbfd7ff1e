"""A calculator without eval: walk the syntax tree, allow a few nodes, bound every number."""

import ast
import math
import operator

EXPRESSIONS = ["12*34", "(2+3)*4", "7/2", "9**9**9", "__import__('os')", "1/0"]
LONGEST = 200
DIGITS = 100
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def value(node):
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return bounded(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = value(node.left), value(node.right)
        # a power is refused before it is worked out: 9**9**9 has 370 million digits
        if isinstance(node.op, ast.Pow) and left and abs(right * math.log10(abs(left))) > DIGITS:
            raise ValueError("too large")
        return bounded(OPERATORS[type(node.op)](left, right))
    raise ValueError(f"not allowed: {type(node).__name__}")


def bounded(number):
    if isinstance(number, complex) or abs(number) > 10**DIGITS:
        raise ValueError("too large")
    return number


def calculate(expression):
    if len(expression) > LONGEST:
        raise ValueError("too long")
    return value(ast.parse(expression.strip(), mode="eval").body)


for expression in EXPRESSIONS:
    try:
        print(expression, "=", calculate(expression))
    except (ValueError, SyntaxError, ArithmeticError) as error:
        print(expression, "->", error)
