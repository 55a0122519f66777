module keyward.example/token

go 1.19
