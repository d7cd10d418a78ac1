//! The `jiancha` program: everything it does lives in the library.

fn main() -> std::process::ExitCode {
    jiancha::command::main()
}
