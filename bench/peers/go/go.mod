// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors
module bench

go 1.19
