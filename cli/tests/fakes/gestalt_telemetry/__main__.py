from fake_service import run


def main() -> None:
    run("telemetry")


if __name__ == "__main__":
    main()
