"""A recorded market: raw recordings read, merged, shifted in time and sent out again, driven by explicit time."""
