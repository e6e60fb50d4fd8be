print('fine')
raise SystemExit(1)
