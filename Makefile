# 常用命令。不带参数运行 make 会列出它们。 The commands of daily work; plain `make` lists them.
#
# 测试与演示用同一次构建（dev 配置，opt-level 1）。 Tests and demo share one build (profile dev, opt-level 1).

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-test web demo demo-stop test lint bench prove

help: ## 列出全部目标 · list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)$$/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## 安装缺少的 Debian 软件包与 npm 依赖，检查 Rust 与 Node · install what is missing to build and run
	@scripts/setup.sh

setup-test: ## setup，外加测试所需的浏览器、VLC、FFmpeg · the same plus what the tests use
	@scripts/setup.sh --test

# The viewer is built again only when one of its sources is newer than what was built.
WEB_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -path 'web/e2e/*' 2>/dev/null)

web: web/dist/index.html ## 构建监看页面（web/dist）· build the viewer's pages

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web && npm run build
	@touch $@

demo: setup ## 启动模拟大厅、录像与监看；Ctrl-C 停止（DEMO_DETACH=1 在后台运行）· a simulated hall, recorded and shown
	@$(MAKE) --no-print-directory web
	@scripts/demo.sh

demo-stop: ## 停止后台运行的演示 · stop a demo started with DEMO_DETACH=1
	@scripts/demo.sh stop

test: setup-test ## 全部测试 · every test
	@$(MAKE) --no-print-directory web
	@scripts/test.sh

lint: setup ## 格式、clippy、文档、依赖许可、网页检查 · format, clippy, docs, licences, web
	@$(MAKE) --no-print-directory web
	@scripts/lint.sh

bench: setup-test ## 性能测量，约 10 分钟（scripts/bench.sh quick 约 1 分钟）· measure: 10 minutes, or one with scripts/bench.sh quick
	@$(MAKE) --no-print-directory web
	@scripts/bench.sh

prove: setup-test ## 长时间证明（JIANCHA_PROVE=1，名为 prove_* 的测试）· the long proofs
	@$(MAKE) --no-print-directory web
	@scripts/test.sh prove
