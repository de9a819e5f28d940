// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Authority
/// @notice Who may do what, and after which delay. The table of roles stands in SPEC.md and is tested against the deployment.
/// @dev OpenZeppelin's AccessManager as it is; named here so that every tool compiles and deploys the same code.
contract Authority is AccessManager {
    constructor(address initialAdmin) AccessManager(initialAdmin) {}
}
