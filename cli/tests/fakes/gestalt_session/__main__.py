from fake_service import run


def main() -> None:
    run("session")


if __name__ == "__main__":
    main()
