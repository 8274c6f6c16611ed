"""The embedded cloud: moto keeps the state, and a Lambda service of our own runs functions."""
