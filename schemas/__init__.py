"""What is true everywhere: the Structs that travel, their coder, the topics and the errors.

Pure: nothing here opens a file or a socket, reads a clock or a setting.
"""
