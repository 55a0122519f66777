module keyward.example/verify

go 1.19

require keyward.example/token v0.1.0

replace keyward.example/token => ../../crates/token/bindings/go
