from fake_service import run


def main() -> None:
    run("gateway")


if __name__ == "__main__":
    main()
