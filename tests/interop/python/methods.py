"""The methods of ../protocol.ts, as HELLO lists them."""

from lengthwise import Method

SERVER = [
    Method("add", "unary"),
    Method("ask", "unary"),
    Method("chat", "duplex"),
    Method("count", "serverStream"),
    Method("drain", "unary"),
    Method("echo", "unary"),
    Method("fail", "unary"),
    Method("ghost", "unary"),  # not served
    Method("log", "notification"),
    Method("look", "unary"),
    Method("meta", "unary"),
    Method("progress", "unary"),
    Method("slow", "unary"),
    Method("total", "clientStream"),
    Method("upload", "clientStream"),
]

CLIENT = [
    Method("alert", "notification"),
    Method("answer", "unary"),
    Method("numbers", "serverStream"),
]
