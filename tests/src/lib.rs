//! Lychgate as a whole, tested from outside: the rules of the house (`house/`), and scenarios with real
//! counterparts (`scenarios/`).
