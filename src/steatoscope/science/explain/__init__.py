"""What moved a value: Shapley effects and the tests of a saliency map."""
