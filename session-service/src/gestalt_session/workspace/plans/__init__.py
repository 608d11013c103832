"""Plans: the `.org` files of `.gestalt/plans`, parsed here and kept warm."""
