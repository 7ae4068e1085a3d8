"""The generator without a model: insights from measurements of the whole chat."""
