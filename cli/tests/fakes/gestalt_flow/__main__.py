from fake_service import run


def main() -> None:
    run("flow")


if __name__ == "__main__":
    main()
