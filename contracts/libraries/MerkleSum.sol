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
        uint256 length;
        uint256 overflow;

        // Assembly, because this loop is what most of a claim's own gas goes to: with `hashNode`, which allocates and copies,
        // 20 levels cost about 30,000 gas more. It writes only beyond the free memory pointer, which it leaves where it is.
        // Reading past the proof yields other calldata or zeros; the length is checked below, before anything is believed.
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore8(buffer, 1)
            let step := proof.offset
            total := weight
            for { let width := count } gt(width, 1) { width := shr(1, add(width, 1)) } {
                let isRight := and(index, 1)
                if or(isRight, lt(add(index, 1), width)) {
                    let siblingSum := shr(128, calldataload(add(step, 32)))
                    // 0x01 ‖ left ‖ leftSum ‖ right ‖ rightSum; a sum's word reaches beyond its 16 bytes, and is written before
                    // what stands there or is not hashed.
                    switch isRight
                    case 0 {
                        mstore(add(buffer, 1), node)
                        mstore(add(buffer, 33), shl(128, total))
                        calldatacopy(add(buffer, 49), step, STEP)
                    }
                    default {
                        calldatacopy(add(buffer, 1), step, STEP)
                        mstore(add(buffer, 49), node)
                        mstore(add(buffer, 81), shl(128, total))
                        before := add(before, siblingSum)
                    }
                    step := add(step, STEP)
                    node := keccak256(buffer, 97)
                    // Neither addend exceeds 128 bits until the first overflow, which is kept to be reported.
                    total := add(total, siblingSum)
                    if shr(128, total) { if iszero(overflow) { overflow := total } }
                }
                index := shr(1, index)
            }
            length := sub(step, proof.offset)
        }
        require(length == proof.length, ProofLength(proof.length, length));
        require(overflow == 0, SumOverflow(overflow));
        require(node == root, ProofRefused(node, root));
    }
}
