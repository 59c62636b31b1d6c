"""The miniature: seeded word problems, tiny trained teachers with planned weaknesses, a prover and a student base."""
