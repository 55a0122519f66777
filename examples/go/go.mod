module keyward.example/verify

go 1.19
