"""Reading files of many formats, in processes that can be lost."""
