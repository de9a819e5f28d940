// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Small Merkle-sum registers
/// @notice Written from SPEC R1 to R6 and R8 on its own, not with the contract's library, so that one checks the other.
library Tree {
    struct Register {
        address[] accounts;
        uint128[] weights;
    }

    struct Node {
        bytes32 hash;
        uint128 sum;
    }

    function leaves(Register memory register) private pure returns (Node[] memory level) {
        level = new Node[](register.accounts.length);
        for (uint256 i = 0; i < level.length; i++) {
            level[i].hash = keccak256(abi.encodePacked(uint8(0), register.accounts[i], register.weights[i]));
            level[i].sum = register.weights[i];
        }
    }

    function parents(Node[] memory level) private pure returns (Node[] memory above) {
        above = new Node[]((level.length + 1) / 2);
        for (uint256 i = 0; i < above.length; i++) {
            if (2 * i + 1 == level.length) {
                above[i] = level[2 * i];
                continue;
            }
            Node memory left = level[2 * i];
            Node memory right = level[2 * i + 1];
            above[i].hash = keccak256(abi.encodePacked(uint8(1), left.hash, left.sum, right.hash, right.sum));
            above[i].sum = left.sum + right.sum;
        }
    }

    function root(Register memory register) internal pure returns (bytes32 hash, uint128 total) {
        Node[] memory level = leaves(register);
        while (level.length > 1) level = parents(level);
        return (level[0].hash, level[0].sum);
    }

    function proof(Register memory register, uint256 index) internal pure returns (bytes memory steps) {
        return proof(register, index, index + 1);
    }

    /// @dev Of the leaves from `first` to before `end`.
    function proof(Register memory register, uint256 first, uint256 end) internal pure returns (bytes memory steps) {
        Node[] memory level = leaves(register);
        while (level.length > 1) {
            if (first % 2 == 1) steps = abi.encodePacked(steps, level[first - 1].hash, level[first - 1].sum);
            if (end % 2 == 1 && end < level.length) steps = abi.encodePacked(steps, level[end].hash, level[end].sum);
            level = parents(level);
            first /= 2;
            end = (end + 1) / 2;
        }
    }
}
