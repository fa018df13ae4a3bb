"""A scripted agent that speaks claude's stream-json on stdin and stdout: what `DemoProvider` starts as a child.

It needs Python's own library alone: `python -m jelmored.providers.demo.agent`. No model is behind it and it says so;
the command that it asks for, the output that it reports and what it remembers of a session are real.
"""
