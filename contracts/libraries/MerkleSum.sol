// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Merkle-sum registers (SPEC R1 to R6)
/// @notice A register of any number of holders in one hash. A leaf is keccak256(0x00 ‖ account ‖ weight), a node is
/// keccak256(0x01 ‖ left ‖ leftSum ‖ right ‖ rightSum); sums are 128 bits wide. The last node of an odd level is promoted as
/// it is. A proof is the concatenation of 48-byte steps (sibling hash 32 ‖ sibling sum 16) from the bottom up, without a step
/// where the node is promoted; which side a sibling stands on follows from the leaf's index and the number of leaves.
library MerkleSum {
    uint256 internal constant STEP = 48;

    /// @notice Thrown when the leaf's index is not below the number of leaves.
    error IndexOutsideRegister(uint256 index, uint256 count);
    /// @notice Thrown when a proof is longer or shorter than the position of its leaf demands.
    error ProofLength(uint256 given, uint256 expected);
    /// @notice Thrown when the sum of a node does not fit in 128 bits.
    error SumOverflow(uint256 sum);
    /// @notice Thrown when a proof leads to another root than the register's.
    error ProofRefused(bytes32 computed, bytes32 root);

    function hashLeaf(address account, uint128 weight) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x00), account, weight));
    }

    function hashNode(bytes32 left, uint128 leftSum, bytes32 right, uint128 rightSum) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x01), left, leftSum, right, rightSum));
    }

    /// @notice Checks that (account, weight) is leaf `index` of the register `root` of `count` leaves.
    /// @return before The sum of the weights of all leaves to the left.
    /// @return total The sum of all weights.
    function verify(bytes32 root, uint256 count, uint256 index, address account, uint128 weight, bytes calldata proof)
        internal
        pure
        returns (uint256 before, uint256 total)
    {
        require(index < count, IndexOutsideRegister(index, count));

        bytes32 node = hashLeaf(account, weight);
        uint128 sum = weight;
        uint256 offset = 0;
        for (uint256 width = count; width > 1; width = (width + 1) / 2) {
            bool isRight = index % 2 == 1;
            if (isRight || index + 1 < width) {
                require(offset + STEP <= proof.length, ProofLength(proof.length, offset + STEP));
                bytes32 sibling = bytes32(proof[offset:offset + 32]);
                uint128 siblingSum = uint128(bytes16(proof[offset + 32:offset + STEP]));
                offset += STEP;

                uint256 both = uint256(sum) + siblingSum;
                require(both <= type(uint128).max, SumOverflow(both));
                if (isRight) {
                    node = hashNode(sibling, siblingSum, node, sum);
                    before += siblingSum;
                } else {
                    node = hashNode(node, sum, sibling, siblingSum);
                }
                sum = uint128(both);
            }
            index /= 2;
        }
        require(offset == proof.length, ProofLength(proof.length, offset));
        require(node == root, ProofRefused(node, root));
        total = sum;
    }
}
