// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title A holder that is a contract
/// @notice It has no key: it says itself which digests it has signed (ERC-1271). It receives no ERC-1155.
contract ContractWallet is IERC1271 {
    mapping(bytes32 digest => bool) private _isApproved;

    function approve(bytes32 digest) external {
        _isApproved[digest] = true;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return _isApproved[digest] ? this.isValidSignature.selector : bytes4(0);
    }
}
