// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Merkle-sum registers (SPEC R1 to R6, R8)
/// @notice A register of any number of holders in one hash. A leaf is keccak256(0x00 ‖ account ‖ weight), a node is
/// keccak256(0x01 ‖ left ‖ leftSum ‖ right ‖ rightSum); sums are 128 bits wide. The last node of an odd level is promoted as
/// it is. A proof is the concatenation of 48-byte steps (sibling hash 32 ‖ sibling sum 16) from the bottom up, without a step
/// where the node is promoted; which side a sibling stands on follows from the leaf's index and the number of leaves.
library MerkleSum {
    /// @dev Bytes of one step of a proof.
    uint256 internal constant STEP = 48;

    /// @notice Thrown when the leaf's index is not below the number of leaves.
    error IndexOutsideRegister(uint256 index, uint256 count);
    /// @notice Thrown when neighbours are none, or reach beyond the register.
    error RunOutsideRegister(uint256 first, uint256 length, uint256 count);
    /// @notice Thrown when a proof has more or fewer bytes than the position of its leaf demands.
    error ProofLength(uint256 given, uint256 expected);
    /// @notice Thrown when the weights and sums that make a root do not fit in 128 bits, and so no node's sum that has them all.
    error SumOverflow(uint256 sum);
    /// @notice Thrown when a proof leads to another root than the register's.
    error ProofRefused(bytes32 computed, bytes32 root);

    /// @return The leaf of a holder: keccak256(0x00 ‖ account ‖ weight). The weight is in the unit of the register's feed.
    function hashLeaf(address account, uint128 weight) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x00), account, weight));
    }

    /// @return The node above two others: keccak256(0x01 ‖ left ‖ leftSum ‖ right ‖ rightSum).
    function hashNode(bytes32 left, uint128 leftSum, bytes32 right, uint128 rightSum) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x01), left, leftSum, right, rightSum));
    }

    /// @notice Checks that (account, weight) is leaf `index` of the register `root` of `count` leaves.
    /// @return before The sum of the weights of all leaves to the left, exactly, in the unit of the weights.
    /// @return total The sum of all weights, likewise.
    function verify(bytes32 root, uint256 count, uint256 index, address account, uint128 weight, bytes calldata proof)
        internal
        pure
        returns (uint256 before, uint256 total)
    {
        require(index < count, IndexOutsideRegister(index, count));
        bytes32 node = hashLeaf(account, weight);
        uint256 length;

        // Assembly, because this loop is what most of a claim's own gas goes to: with `hashNode`, which allocates and copies,
        // 20 levels cost about 30,000 gas more. It writes only beyond the free memory pointer, which it leaves where it is.
        // Reading past the proof yields other calldata or zeros; the length is checked below, before anything is believed.
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore8(buffer, 1)
            let step := proof.offset
            total := weight
            for { let last := sub(count, 1) } last { last := shr(1, last) } {
                let isRight := and(index, 1)
                // The last node of a level is promoted unless it is a right one.
                if or(isRight, xor(index, last)) {
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
                    // Never falls, so one look at the end shows whether any sum had more than 128 bits.
                    total := add(total, siblingSum)
                }
                index := shr(1, index)
            }
            length := sub(step, proof.offset)
        }
        require(length == proof.length, ProofLength(proof.length, length));
        require(total <= type(uint128).max, SumOverflow(total));
        require(node == root, ProofRefused(node, root));
    }

    /// @notice Checks that leaves beside each other, from leaf `first` on, are in the register `root` of `count` leaves.
    /// @param row Hash and weight of each leaf in turns, after a free place for a node and before another; it is used up.
    /// @param proof The nodes beside the leaves, level by level from the bottom up, the left one before the right one.
    /// @return before The sum of the weights of all leaves to the left of the first, exactly, in the unit of the weights.
    /// @return total The sum of all weights, likewise.
    function verifyRun(bytes32 root, uint256 count, uint256 first, uint256[] memory row, bytes calldata proof)
        internal
        pure
        returns (uint256 before, uint256 total)
    {
        uint256 length = row.length / 2 - 2;
        require(length != 0 && first < count && length <= count - first, RunOutsideRegister(first, length, count));
        bytes32 node;
        // Assembly for the same reason. It writes into `row` and beyond the free memory pointer.
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore8(buffer, 1)
            let place := add(row, 96)
            let step := proof.offset
            let end := add(place, shl(6, length))
            for { let last := sub(count, 1) } last { last := shr(1, last) } {
                let from := place
                let next := add(first, shr(6, sub(end, place)))
                if and(first, 1) {
                    from := sub(place, 64)
                    mstore(from, calldataload(step))
                    let sum := shr(128, calldataload(add(step, 32)))
                    mstore(add(from, 32), sum)
                    before := add(before, sum)
                    step := add(step, STEP)
                }
                if and(next, iszero(gt(next, last))) {
                    mstore(end, calldataload(step))
                    mstore(add(end, 32), shr(128, calldataload(add(step, 32))))
                    end := add(end, 64)
                    step := add(step, STEP)
                }
                let to := place
                for {} lt(from, end) { from := add(from, 128) } {
                    let hash := mload(from)
                    total := mload(add(from, 32))
                    let right := add(from, 64)
                    // The last node of a level is promoted unless it is a right one.
                    if lt(right, end) {
                        mstore(add(buffer, 1), hash)
                        mstore(add(buffer, 33), shl(128, total))
                        mstore(add(buffer, 49), mload(right))
                        let rightSum := mload(add(right, 32))
                        mstore(add(buffer, 81), shl(128, rightSum))
                        hash := keccak256(buffer, 97)
                        total := add(total, rightSum)
                    }
                    mstore(to, hash)
                    mstore(add(to, 32), total)
                    to := add(to, 64)
                }
                end := to
                first := shr(1, first)
            }
            length := sub(step, proof.offset)
            node := mload(place)
            total := mload(add(place, 32))
        }
        require(length == proof.length, ProofLength(proof.length, length));
        require(total <= type(uint128).max, SumOverflow(total));
        require(node == root, ProofRefused(node, root));
    }
}
