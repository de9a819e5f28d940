// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Period} from "../interfaces/Types.sol";
import {MerkleSum} from "../libraries/MerkleSum.sol";
import {Months} from "../libraries/Months.sol";
import {Shares} from "../libraries/Shares.sol";
import {Valuation} from "../libraries/Valuation.sol";

/// @title The libraries' own functions, callable from a test
contract LibraryHarness {
    /// @notice Stands in the answer where the library refused.
    uint256 public constant REFUSED = type(uint256).max;

    struct Slice {
        uint256 income;
        uint256 before;
        uint256 weight;
        uint256 total;
    }

    struct Presented {
        bytes32 root;
        uint256 count;
        uint256 index;
        address account;
        uint128 weight;
        bytes proof;
    }

    /// @notice What each slice is owed, by one of the two rules.
    function entitledMany(Slice[] calldata slices, bool closed) external view returns (uint256[] memory entitled) {
        entitled = new uint256[](slices.length);
        for (uint256 i = 0; i < slices.length; i++) {
            Slice calldata each = slices[i];
            entitled[i] = REFUSED;
            if (closed) {
                try this.entitledClosed(each.income, each.before, each.weight, each.total) returns (uint256 amount) {
                    entitled[i] = amount;
                } catch {}
            } else {
                try this.entitledOpenDown(each.income, each.weight, each.total) returns (uint256 amount) {
                    entitled[i] = amount;
                } catch {}
            }
        }
    }

    /// @notice Where each leaf's slice begins, and the total.
    function verifyMany(Presented[] calldata leaves)
        external
        view
        returns (uint256[] memory before, uint256[] memory total)
    {
        before = new uint256[](leaves.length);
        total = new uint256[](leaves.length);
        for (uint256 i = 0; i < leaves.length; i++) {
            Presented calldata each = leaves[i];
            (before[i], total[i]) = (REFUSED, REFUSED);
            try this.verify(each.root, each.count, each.index, each.account, each.weight, each.proof) returns (
                uint256 before_, uint256 total_
            ) {
                (before[i], total[i]) = (before_, total_);
            } catch {}
        }
    }

    function entitledOpenDown(uint256 income, uint256 weight, uint256 total) external pure returns (uint256) {
        return Shares.entitledOpenDown(income, weight, total);
    }

    function entitledClosed(uint256 income, uint256 before, uint256 weight, uint256 total)
        external
        pure
        returns (uint256)
    {
        return Shares.entitledClosed(income, before, weight, total);
    }

    function hash(bytes calldata data) external pure returns (bytes32) {
        return keccak256(data);
    }

    function hashLeaf(address account, uint128 weight) external pure returns (bytes32) {
        return MerkleSum.hashLeaf(account, weight);
    }

    function hashNode(bytes32 left, uint128 leftSum, bytes32 right, uint128 rightSum) external pure returns (bytes32) {
        return MerkleSum.hashNode(left, leftSum, right, rightSum);
    }

    function verify(bytes32 root, uint256 count, uint256 index, address account, uint128 weight, bytes calldata proof)
        external
        pure
        returns (uint256 before, uint256 total)
    {
        return MerkleSum.verify(root, count, index, account, weight, proof);
    }

    function verifyRun(
        bytes32 root,
        uint256 count,
        uint256 first,
        address[] calldata accounts,
        uint128[] calldata weights,
        bytes calldata proof
    ) external pure returns (uint256 before, uint256 total) {
        uint256[] memory row = new uint256[](2 * accounts.length + 4);
        for (uint256 i = 0; i < accounts.length; i++) {
            row[2 * i + 2] = uint256(MerkleSum.hashLeaf(accounts[i], weights[i]));
            row[2 * i + 3] = weights[i];
        }
        return MerkleSum.verifyRun(root, count, first, row, proof);
    }

    function lendableDown(int128 value, uint128 uncertainty) external pure returns (uint128) {
        return Valuation.lendableDown(value, uncertainty);
    }

    function countsDown(uint256 value, uint256 previous, bool isDisputed, bool isStale, uint256 staleBps)
        external
        pure
        returns (uint256)
    {
        return Valuation.countsDown(value, previous, isDisputed, isStale, staleBps);
    }

    function isShort(uint256 value, uint256 maximumLtvBps, uint256 debt) external pure returns (bool) {
        return Valuation.isShort(value, maximumLtvBps, debt);
    }

    function monthContaining(uint256 timestamp) external pure returns (Period) {
        return Months.containing(timestamp);
    }
}
